import assert from "node:assert/strict";
import { test } from "node:test";
import { colour, readableOn } from "./colour";
import { spoken } from "./words";

test("only a hexadecimal colour is one", () => {
  assert.equal(colour("#0B6E4F"), "#0B6E4F");
  assert.equal(colour("#abc"), "#abc");
  for (const other of [undefined, "", "red", "#12", "#12345", "#0B6E4F;x", "url(#abc)"]) assert.equal(colour(other), undefined);
});

test("letters on the brand are black or white, whichever is read better", () => {
  const on = { "#000": "#fff", "#fff": "#000", "#0B6E4F": "#fff", "#ffd400": "#000", "#808080": "#000", "#c4162e": "#fff" };
  for (const [brand, letters] of Object.entries(on)) assert.equal(readableOn(brand), letters, brand);
});

test("a tag is spoken by its language", () => {
  assert.deepEqual(["de", "DE-ch", "en-GB", "ar", "fr", "", undefined, "constructor"].map(spoken), ["de", "de", "en", "ar", undefined, undefined, undefined, undefined]);
});
