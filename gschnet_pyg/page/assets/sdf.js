// Molecules as an SDF file.

const oneLine = (text) => String(text).replace(/[\r\n]+/g, " ");

function sdfRecord(molecule, files) {
  const fields = {
    number: molecule.number,
    file: files[molecule.file],
    formula: molecule.formula,
    SMILES: molecule.smiles,
    verdict: molecule.failure ? "invalid" : "valid",
    failure: molecule.failure,
    unique: molecule.unique,
    unseen: molecule.unseen,
    novel: molecule.novel,
    stable: molecule.stable,
    strain: molecule.strain?.[0],
    rmsd: molecule.strain?.[1],
    similarity: molecule.nearest?.[0],
    nearest: molecule.nearest?.[1],
  };
  for (const [name, , asked, reached] of molecule.targets ?? []) {
    fields[`target_${oneLine(name).replace(/[<>]/g, "")}`] = asked;
    fields[`reached_${oneLine(name).replace(/[<>]/g, "")}`] = reached;
  }
  const data = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `>  <${name}>\n${oneLine(value)}\n\n`);
  return `molecule ${molecule.number}${molecule.block}${data.join("")}$$$$\n`;
}

// Returns how many were written; molecules without coordinates cannot be.
function downloadSdf(molecules, files, name) {
  const written = molecules.filter((molecule) => molecule.block);
  const url = URL.createObjectURL(
    new Blob(written.map((molecule) => sdfRecord(molecule, files)), { type: "chemical/x-mdl-sdfile" }),
  );
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  return written.length;
}
