// @libpdf/core at B-T: signs FOLDER/SIZE.pdf RUNS times, each time anew from its bytes; prints the least ms.
import { readFileSync, writeFileSync } from "node:fs";
import { HttpTimestampAuthority, P12Signer, PDF } from "@libpdf/core";

const [folder, size, url, runs] = process.argv.slice(2);
const data = new Uint8Array(readFileSync(`${folder}/${size}.pdf`));
const signer = await P12Signer.create(new Uint8Array(readFileSync(`${folder}/key.p12`)), "benchmark");
const timestampAuthority = new HttpTimestampAuthority(url);
let least = Infinity;
let made;
for (let run = 0; run <= Number(runs); run++) {
  const began = performance.now();
  const pdf = await PDF.load(data);
  made = (await pdf.sign({ signer, level: "B-T", timestampAuthority })).bytes;
  if (run > 0) least = Math.min(least, performance.now() - began);
}
writeFileSync(`${folder}/libpdf.out`, made);
console.log(least);
