// @signpdf with node-forge, which has no timestamps (B-B): signs FOLDER/SIZE.pdf RUNS times; prints the least ms.
import { readFileSync, writeFileSync } from "node:fs";
import { plainAddPlaceholder } from "@signpdf/placeholder-plain";
import { P12Signer } from "@signpdf/signer-p12";
import signpdf from "@signpdf/signpdf";

const [folder, size, , runs] = process.argv.slice(2);
const data = readFileSync(`${folder}/${size}.pdf`);
const bundle = readFileSync(`${folder}/key.p12`);
const words = { reason: "-", contactInfo: "-", name: "-", location: "-", signatureLength: 16384 };
let least = Infinity;
let made;
for (let run = 0; run <= Number(runs); run++) {
  const began = performance.now();
  const pdfBuffer = plainAddPlaceholder({ pdfBuffer: data, ...words });
  made = await (signpdf.default ?? signpdf).sign(pdfBuffer, new P12Signer(bundle, { passphrase: "benchmark" }));
  if (run > 0) least = Math.min(least, performance.now() - began);
}
writeFileSync(`${folder}/signpdf.out`, made);
console.log(least);
