// The host page has named another visitor than before (`?fresh`, written by the loader): what the tab kept is not theirs.
//
// It stands before `early.ts` in the page, which would show it. The names are those of `early.ts` and `app/src/transport/keep.rs`.
try {
  const here = new URL(location.href);
  // Once: a reload keeps what is said from now on.
  here.searchParams.delete("fresh");
  history.replaceState(null, "", here);
  for (const name of ["unsent", "draft", "last"]) sessionStorage.removeItem(`${name}:${here.pathname}`);
} catch {
  // A browser that refuses storage has kept nothing.
}
