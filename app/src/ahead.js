try{let d=document,k="parlour-probe=",z=";Secure;SameSite=None;Partitioned";d.cookie=k+1+z;
if(self.parlourEarly&&d.cookie.includes(k+1)){d.cookie=k+";Max-Age=0"+z;
let {bot:v,platform:{base:u,sign_url:s},texts:{language}}=JSON.parse(d.querySelector("#settings").textContent),g=u+"oAuth/token/jwtgrant",r=u+"rtm/start",
botInfo={chatBot:v.name,taskBotId:v.id,uiVersion:"v3"},
f=fetch,
p=(u,b,t)=>f(u,{method:"POST",headers:{"Content-Type":"application/json",...t},body:JSON.stringify(b)}),
j=a=>{if(a.ok)return a.clone().json();throw a},
a=p(s,{bot:v.id}),
b=a.then(j).then(o=>p(g,{assertion:o.jwt,botInfo})),
c=b.then(j).then(async o=>{if((await navigator.locks.query()).held.some(l=>l.name==`parlour:${v.id}:${o.userInfo.userId}`))throw 0;setTimeout(()=>delete m[r],25e3);return p(r,{botInfo,language},{Authorization:"bearer "+o.authorization.accessToken})}),
m={[s]:a,[g]:b,[r]:c};
for(let x of[b,c])x.catch(b=>b);
self.fetch=(u,o)=>{let x=m[u],n=()=>f(u,o);delete m[u];return x?o.method=="POST"?x.catch(n):x.then(n,n):n()}}}catch{}
