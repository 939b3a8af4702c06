// The brand colour, and what can be read on it.

export const colour = (text: unknown): string | undefined => /^#([\da-f]{3}|[\da-f]{6})$/i.exec(String(text))?.[0];

/** Black or white, whichever has the better contrast on the colour (WCAG relative luminance). */
export function readableOn(brand: string): string {
  const hex = brand.length > 4 ? brand : brand.replace(/[^#]/g, "$&$&");
  const [r, g, b] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((v) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92)) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
