(()=>{let d=document,o=new URLSearchParams(location.search).get("origin"),t=d.querySelector("[data-composer] textarea"),signal=self.parlourEarly?.signal,
tell=(type,more)=>parent.postMessage({parlour:1,type,...more},o),
told=()=>t.dispatchEvent(new Event("input",{bubbles:!0})),
put=x=>{t.value=x;told()},
p=0,
menu=()=>{try{return d.querySelector(":popover-open")}catch{}};
if(parent==self||!/^https?:/.test(o))return;
addEventListener("message",({source,origin,data:m})=>{if(!t||source!=parent||origin!=o||m?.parlour!==1||m.type!="take")return;
let v=t.value,n;
for(let x of m.said){put(m.on?v+x:x);t.form.requestSubmit();m.on&&(v="")}
m.said.length&&put(v);
m.on&&m.said.length&&(p=0);
if(m.text)if(m.on)t.setRangeText(m.text,p,p,t.selectionStart==p?"end":"preserve"),p+=m.text.length,told();
else{n=v.length+!!v;put(v+(v?"\n":"")+m.text);t.setSelectionRange(n+m.start,n+m.end)}
m.on||(p=t.selectionEnd);m.focus&&t.focus();tell("taken")});
d.addEventListener("keydown",e=>e.key=="Escape"&&!e.isComposing&&!menu()&&tell("close"),{signal});
d.addEventListener("click",e=>e.target.closest("[data-act=close]")&&tell("close"),{signal});
tell(t?"loaded":"refused",{lang:d.documentElement.lang,brand:d.currentScript.dataset.brand})})()
