// The host page's document, asked so that its markup cannot answer.
//
// Names in a page's markup stand before those of its document (`<img name=currentScript>`), and make globals (`<form id=Parlour>`).
// So the document is asked by its prototype's own functions.

export function own<Name extends keyof Document>(name: Name): Document[Name] {
  return Object.getOwnPropertyDescriptor(Document.prototype, name)!.get!.call(document);
}

export const root = (): HTMLElement => own("documentElement");

export const createElement: Document["createElement"] = (name: string) => Document.prototype.createElement.call(document, name);

export const createSvg = (name: "path" | "svg"): SVGElement => Document.prototype.createElementNS.call(document, "http://www.w3.org/2000/svg", name) as SVGElement;

export const all = (selector: string): Element[] => [...Document.prototype.querySelectorAll.call(document, selector)];
