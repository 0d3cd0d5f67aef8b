// One molecule at a time: 3D, 2D and everything that is known of it.

class MoleculeDialog {
  constructor(others, files, view) {
    this.others = others;
    this.files = files;
    this.view = view;
    this.dialog = element("molecule");
    element("close").addEventListener("click", () => this.dialog.close());
    element("previous").addEventListener("click", () => this.step(-1));
    element("next").addEventListener("click", () => this.step(1));
    element("tick").addEventListener("change", () => this.gallery.tick(this.molecule, element("tick").checked));
    element("save").addEventListener("click", () => downloadSdf([this.molecule], this.files, `molecule-${this.molecule.number}.sdf`));
    element("copy").addEventListener("click", () => this.copy());
    this.dialog.addEventListener("click", (event) => { if (event.target === this.dialog) this.dialog.close(); });
    this.dialog.addEventListener("close", () => {
      this.view.leave();
      this.gallery.cards();
    });
    this.dialog.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (step) {
        event.preventDefault();
        this.step(step);
      }
    });
  }

  step(by) {
    const molecule = this.gallery.neighbour(this.molecule, by);
    if (molecule) this.show(molecule);
  }

  async copy() {
    const button = element("copy");
    try {
      await navigator.clipboard.writeText(this.molecule.smiles);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copying is not allowed here";
    }
    setTimeout(() => { button.textContent = "Copy SMILES"; }, 1500);
  }

  show(molecule) {
    this.molecule = molecule;
    const title = [`Molecule ${molecule.number} `, "· ", formula(molecule.formula)];
    element("molecule-title").replaceChildren(...title);
    element("badges").replaceChildren(...badges(molecule));
    element("plane").replaceChildren(...drawing(molecule.svg, "no drawing").childNodes);
    element("facts").replaceChildren(...this.facts(molecule).map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
    this.showNearest(molecule.nearest);
    element("tick").checked = this.gallery.ticked.has(molecule);
    element("copy").hidden = !molecule.smiles;
    element("save").hidden = !molecule.block;
    element("previous").disabled = !this.gallery.neighbour(molecule, -1);
    element("next").disabled = !this.gallery.neighbour(molecule, 1);
    if (!this.dialog.open) this.dialog.showModal();
    this.view.show(molecule);
  }

  facts(molecule) {
    const facts = [];
    if (this.files.length > 1) facts.push(["file", this.files[molecule.file]]);
    if (molecule.smiles) facts.push(["SMILES", make("code", {}, molecule.smiles)]);
    facts.push(["atoms", `${molecule.atoms}, ${molecule.stableAtoms} of them stable by EDM`]);
    if (molecule.clashes !== undefined) facts.push(["clashes", `${molecule.clashes}`]);
    for (const [name, found] of [["strain", molecule.strain], ["relaxation", molecule.relaxed]]) {
      if (!found) continue;
      const [energy, rmsd, unit, method] = found;
      facts.push([`${name} (${method})`, `${energy.toFixed(2)} ${unit}, RMSD ${rmsd.toFixed(3)} Å`]);
    }
    for (const [name, unit, asked, reached] of molecule.targets ?? []) {
      facts.push([`${name}${unit && `, ${unit}`}`, `asked for ${asked}, reached ${reached}`]);
    }
    if (molecule.failure) facts.push(["drawn", "atoms and bonds by distance; their orders are not known"]);
    return facts;
  }

  showNearest(nearest) {
    const place = element("nearest");
    place.hidden = !nearest;
    if (!nearest) return;
    const [similarity, smiles] = nearest;
    place.replaceChildren(
      make("div", {}, `Nearest training molecule, similarity ${similarity.toFixed(2)}`, make("br"), make("code", {}, smiles)),
      drawing(this.others[smiles], ""),
    );
  }
}

function badges(molecule) {
  const found = molecule.failure
    ? [make("span", { class: "bad" }, `invalid: ${molecule.reason}`)]
    : [make("span", { class: "good" }, "valid")];
  for (const [name, label] of Object.entries(CLASSES)) {
    if (molecule[name]) found.push(make("span", { class: "plain" }, label));
  }
  return found;
}
