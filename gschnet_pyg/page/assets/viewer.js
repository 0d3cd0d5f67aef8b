// One rotatable view in 3D; the library is unpacked when it is opened first.

const RADIUS = { H: 0.22, default: 0.32 };

const ATOM_COLOURS = {
  light: { H: "#c3cbd1", C: "#5a656e", N: "#2f62e0", O: "#d8323a", F: "#2f9a4a", P: "#d97a16", S: "#c9a400", Cl: "#2f9a4a", Br: "#8c2f1b", I: "#7a3fb0" },
  dark: { H: "#e6ebee", C: "#8f9ca5", N: "#7fa6ff", O: "#ff7d78", F: "#6fd487", P: "#ffb066", S: "#ecd257", Cl: "#6fd487", Br: "#ef9d83", I: "#cf9bf2" },
};

class View {
  constructor() {
    this.spinning = false;
    element("reset").addEventListener("click", () => this.front());
    element("spin").addEventListener("click", () => {
      this.spinning = !this.spinning;
      element("spin").setAttribute("aria-pressed", this.spinning);
      element("spin").textContent = this.spinning ? "Stop" : "Spin";
      this.viewer?.spin(this.spinning ? "y" : false);
    });
  }

  async show(molecule) {
    this.wanted = molecule;
    this.viewer?.removeAllModels();
    this.viewer?.render();
    if (!molecule.block) return this.say("There are no coordinates that could be shown.");
    if (!this.viewer) {
      if (!hasWebGL()) return this.say("This browser cannot show molecules in 3D: WebGL is missing or switched off.");
      this.say("Loading the 3D view …");
      try {
        this.loading ??= loadLibrary();
        await this.loading;
        // another molecule, or none since the dialog is closed: a view without a size cannot be drawn
        if (this.wanted !== molecule) return undefined;
        this.viewer ??= window.$3Dmol.createViewer(element("stage"), { backgroundAlpha: 0, antialias: true });
      } catch (error) {
        return this.say(`The 3D view could not be started: ${error.message}`);
      }
    }
    this.say("");
    this.viewer.removeAllModels();
    faceOn(this.viewer.addModel(singleBonds(molecule), "sdf", { keepH: true }));
    this.style();
    this.viewer.resize();
    this.front();
    if (this.spinning) this.viewer.spin("y");
    return undefined;
  }

  // The dialog is closed.
  leave() {
    this.wanted = null;
    this.viewer?.spin(false);
  }

  front() {
    if (!this.viewer) return;
    this.viewer.setView([0, 0, 0, 0, 0, 0, 0, 1]);
    this.viewer.zoomTo();
    this.viewer.zoom(1.25);
    this.viewer.render();
  }

  style() {
    if (!this.viewer) return;
    const scheme = { prop: "elem", map: { ...ATOM_COLOURS[isDark() ? "dark" : "light"] } };
    this.viewer.setStyle({}, { stick: { radius: 0.11, colorscheme: scheme }, sphere: { radius: RADIUS.default, colorscheme: scheme } });
    this.viewer.setStyle({ elem: "H" }, { stick: { radius: 0.08, colorscheme: scheme }, sphere: { radius: RADIUS.H, colorscheme: scheme } });
    this.viewer.render();
  }

  say(text) {
    element("stage-note").textContent = text;
    element("stage-note").hidden = !text;
  }
}

// Bonds of unknown order are drawn as single ones.
function singleBonds(molecule) {
  const block = `${molecule.number}${molecule.block}`;
  return molecule.failure ? block.replace(/^([ \d]{6})  8  0$/gm, "$1  1  0") : block;
}

function hasWebGL() {
  const canvas = document.createElement("canvas");
  return Boolean(canvas.getContext("webgl2") ?? canvas.getContext("webgl"));
}

async function loadLibrary() {
  const script = document.createElement("script");
  script.textContent = await unpack("viewer-script");
  document.head.append(script);
  if (!window.$3Dmol) throw new Error("the library has not started");
  // it follows its container even into a closed dialog, where there is nothing to draw on
  const { prototype } = window.$3Dmol.GLViewer;
  const { resize } = prototype;
  prototype.resize = function resizeVisible() {
    return this.container.clientWidth ? resize.call(this) : this;
  };
}

// Rotates the atoms so that one looks at the broadest side of the molecule, its longest axis from left to right.
function faceOn(model) {
  const atoms = model.selectedAtoms({});
  const centre = ["x", "y", "z"].map((axis) => atoms.reduce((sum, atom) => sum + atom[axis], 0) / atoms.length);
  const places = atoms.map((atom) => [atom.x - centre[0], atom.y - centre[1], atom.z - centre[2]]);
  const first = principalAxis(places, [0.9, 0.35, 0.25]);
  const other = Math.abs(first[0]) < 0.7 ? [1, 0, 0] : [0, 1, 0];
  const rest = places.map((place) => minus(place, first, dot(place, first)));
  const second = principalAxis(rest, minus(other, first, dot(other, first)));
  const third = [
    first[1] * second[2] - first[2] * second[1],
    first[2] * second[0] - first[0] * second[2],
    first[0] * second[1] - first[1] * second[0],
  ];
  atoms.forEach((atom, index) => {
    [atom.x, atom.y, atom.z] = [first, second, third].map((axis) => dot(places[index], axis));
  });
}

const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const minus = (a, b, factor) => a.map((value, index) => value - factor * b[index]);

// Direction of the largest extent, by power iteration; that of the start where there is none.
function principalAxis(places, start) {
  let axis = start.map((value) => value / Math.hypot(...start));
  for (let round = 0; round < 60; round += 1) {
    const next = [0, 0, 0];
    for (const place of places) {
      const along = dot(place, axis);
      for (let k = 0; k < 3; k += 1) next[k] += along * place[k];
    }
    const length = Math.hypot(...next);
    if (length < 1e-9) break;
    axis = next.map((value) => value / length);
  }
  return axis;
}
