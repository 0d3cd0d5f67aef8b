// Cards of molecules: search, filters, sorting, and the selection.

const PAGE = 24;

const SORTS = {
  number: { value: (m) => m.number },
  atoms: { value: (m) => m.atoms, say: (m) => `${m.atoms} atoms` },
  formula: { value: (m) => m.formula },
  smiles: { value: (m) => m.smiles },
  stability: { value: (m) => (m.atoms ? m.stableAtoms / m.atoms : undefined), say: (m) => `${m.stableAtoms}/${m.atoms} atoms stable` },
  strain: { value: (m) => m.strain?.[0], say: (m) => `strain ${m.strain[0].toFixed(1)} ${m.strain[2]}` },
  rmsd: { value: (m) => m.strain?.[1], say: (m) => `RMSD ${m.strain[1].toFixed(2)} Å` },
  similarity: { value: (m) => m.nearest?.[0], say: (m) => `similarity ${m.nearest[0].toFixed(2)}` },
};

const CLASSES = { unique: "unique", unseen: "unseen", novel: "novel", stable: "EDM stable" };

class Gallery {
  constructor(data, open) {
    this.files = data.files;
    this.all = data.molecules.flatMap((molecules, file) => molecules.map((molecule) => ({ ...molecule, file })));
    this.open = open;
    this.ticked = new Set();
    this.verdict = "all";
    this.classes = new Set();
    this.file = data.files.length > 1 ? 0 : -1;
    this.limit = PAGE;
    this.descending = false;
    this.listen();
  }

  listen() {
    const again = () => { this.limit = PAGE; this.update(); };
    element("search").addEventListener("input", again);
    element("sort").addEventListener("change", again);
    element("direction").addEventListener("click", () => {
      this.descending = !this.descending;
      element("direction").textContent = this.descending ? "descending" : "ascending";
      element("direction").setAttribute("aria-pressed", this.descending);
      again();
    });
    element("file-filter")?.addEventListener("change", (event) => this.showFile(Number(event.target.value)));
    element("more").addEventListener("click", () => { this.limit += PAGE; this.cards(); });
    element("clear").addEventListener("click", () => { this.ticked.clear(); this.cards(); });
    element("download").addEventListener("click", () => {
      const chosen = this.selection();
      const written = downloadSdf(chosen, this.files, "molecules.sdf");
      if (written < chosen.length) {
        element("count").textContent = `${thousands(chosen.length - written)} without coordinates were left out of the file`;
      }
    });
    for (const option of [...element("sort").options]) {
      if (!this.all.some((molecule) => SORTS[option.value].value(molecule) !== undefined)) option.remove();
    }
  }

  showFile(file) {
    this.file = file;
    if (element("file-filter")) element("file-filter").value = file;
    this.limit = PAGE;
    this.verdict = "all";
    this.update();
  }

  update() {
    this.here = this.all.filter((molecule) => this.file < 0 || molecule.file === this.file);
    this.chips();
    const text = element("search").value.trim();
    const { value } = SORTS[element("sort").value];
    const sign = this.descending ? -1 : 1;
    this.shown = this.here
      .filter((m) => matchesVerdict(m, this.verdict) && [...this.classes].every((name) => m[name]))
      .filter((m) => !text || m.smiles?.includes(text) || m.formula.toLowerCase().includes(text.toLowerCase()));
    this.shown.sort((a, b) => compare(value(a), value(b), sign) || a.file - b.file || a.number - b.number);
    this.cards();
  }

  chips() {
    const reasons = new Map();
    for (const molecule of this.here) {
      if (molecule.failure) reasons.set(molecule.failure, molecule.reason);
    }
    const verdicts = [["all", "all"], ["valid", "valid"], ["invalid", "invalid"], ...reasons];
    const counted = (test) => thousands(this.here.filter(test).length);
    const chip = (name, label, pressed, number, press) => {
      const button = make("button", { type: "button", "aria-pressed": String(pressed), "data-chip": name }, label, make("b", {}, number));
      button.addEventListener("click", () => {
        press();
        this.limit = PAGE;
        this.update();
        document.querySelector(`[data-chip="${CSS.escape(name)}"]`)?.focus();
      });
      return button;
    };
    element("verdicts").replaceChildren(
      ...verdicts.map(([name, label]) =>
        chip(name, label, this.verdict === name, counted((m) => matchesVerdict(m, name)), () => { this.verdict = name; })),
    );
    const known = Object.entries(CLASSES).filter(([name]) => this.here.some((m) => m[name] !== undefined));
    element("classes").replaceChildren(
      make("span", { class: "title" }, "only"),
      ...known.map(([name, label]) =>
        chip(name, label, this.classes.has(name), counted((m) => m[name]), () => {
          if (!this.classes.delete(name)) this.classes.add(name);
        })),
    );
  }

  cards() {
    const visible = this.shown.slice(0, this.limit);
    element("cards").replaceChildren(...visible.map((molecule) => this.card(molecule)));
    element("more").hidden = visible.length === this.shown.length;
    element("more").textContent = `Show ${Math.min(PAGE, this.shown.length - visible.length)} more`;
    this.status();
  }

  status() {
    const [shown, ticked] = [this.shown.length, this.ticked.size];
    element("count").textContent =
      `${thousands(shown)} of ${thousands(this.here.length)} molecules` + (ticked ? `, ${thousands(ticked)} selected` : "");
    element("clear").hidden = !ticked;
    element("download").textContent = `Download ${ticked ? `${thousands(ticked)} selected` : `these ${thousands(shown)}`} as SDF`;
    element("download").disabled = !this.selection().length;
  }

  card(molecule) {
    const box = make("input", { type: "checkbox", "aria-label": `select molecule ${molecule.number}` });
    box.checked = this.ticked.has(molecule);
    const { say } = SORTS[element("sort").value];
    const sorted = say && SORTS[element("sort").value].value(molecule) !== undefined ? say(molecule) : null;
    const file = this.file < 0 && this.files.length > 1 ? this.files[molecule.file] : null;
    const details = [molecule.reason, sorted, file].filter(Boolean).join(" · ") || molecule.smiles;
    const button = make(
      "button",
      { type: "button", class: "open", title: molecule.smiles ?? molecule.reason },
      drawing(molecule.svg, "no drawing"),
      formula(molecule.formula),
      make("span", { class: "detail" }, details),
    );
    button.addEventListener("click", () => this.open(molecule));
    const item = make(
      "li",
      { class: "card", "data-number": molecule.number },
      make("label", { class: "pick" }, box, `${molecule.number}`),
      make("span", { class: `verdict ${molecule.failure ? "bad" : "good"}` }, kind(molecule)),
      button,
    );
    item.classList.toggle("ticked", box.checked);
    box.addEventListener("change", () => {
      this.tick(molecule, box.checked);
      item.classList.toggle("ticked", box.checked);
    });
    return item;
  }

  tick(molecule, on) {
    if (on) this.ticked.add(molecule);
    else this.ticked.delete(molecule);
    this.status();
  }

  // In the order of the file.
  selection() {
    return this.ticked.size ? this.all.filter((molecule) => this.ticked.has(molecule)) : this.shown;
  }

  // The molecule before or after in the order that is shown; none at the ends.
  neighbour(molecule, step) {
    return this.shown[this.shown.indexOf(molecule) + step];
  }
}

function matchesVerdict(molecule, verdict) {
  if (verdict === "all") return true;
  if (verdict === "valid") return !molecule.failure;
  return verdict === "invalid" ? Boolean(molecule.failure) : molecule.failure === verdict;
}

// Molecules without a value come last in either direction.
function compare(a, b, sign) {
  if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

function kind(molecule) {
  if (molecule.failure) return "invalid";
  return molecule.novel ? "novel" : molecule.unseen ? "unseen" : "valid";
}

function formula(text) {
  const parts = text.split(/(\d+)/).filter(Boolean);
  return make("span", { class: "formula" }, ...parts.map((part) => (/\d/.test(part) ? make("sub", {}, part) : part)));
}
