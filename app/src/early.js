(()=>{let d=document,m=0,q=s=>d.querySelector(s),t=q("[data-composer] textarea"),b=q("#early"),k="unsent:"+location.pathname,h=matchMedia("(hover:none)").matches,c=new AbortController,s=[],
on=(n,g)=>d.addEventListener(n,g,c),
show=i=>{let n=q("#early-bubble").content.cloneNode(1);n.querySelector("[data-text]").textContent=i.text;b.append(n);b.scrollIntoView(!1)},
say=v=>{v.preventDefault();let x=v.submitter?.value,text=(x||t.value).trim(),i;/[^\s\p{Cc}\p{DI}\u2800]/u.test(text)&&[...text].length<=(t.form.dataset.composer||1e4)&&(s.push(i={id:Math.max(Date.now(),(s.at(-1)?.id||0)+1),text}),x||(t.value=""),show(i));try{sessionStorage[k]=JSON.stringify(s)}catch{}};
if(!self.WebAssembly)return;
try{s=JSON.parse(sessionStorage[k]);s.map(i=>q(`[data-key="own-${i.id}"]`)||show(i))}catch{}
on("submit",say);
on("keydown",v=>v.key=="Enter"&&v.target==t&&!v.isComposing&&v.keyCode!=229&&!v.shiftKey&&(!h||v.ctrlKey||v.metaKey)&&say(v));
on("mousedown",v=>v.target.closest(".send")&&v.preventDefault());
on("compositionstart",()=>m=1);on("compositionend",()=>m=0);
self.parlourEarly={sent:s,signal:c.signal,get composing(){return!!m},take(){c.abort();b.textContent="";return s}}})()
