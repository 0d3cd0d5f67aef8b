// One rotatable view in 3D; the library is unpacked when it is opened first.

const RADIUS = { H: 0.22, default: 0.32 };

const ATOM_COLOURS = {
  light: { H: "#c3cbd1", C: "#4b555d", N: "#2f62e0", O: "#d8323a", F: "#2f9a4a", P: "#d97a16", S: "#c9a400", Cl: "#2f9a4a", Br: "#8c2f1b", I: "#7a3fb0" },
  dark: { H: "#e6ebee", C: "#8f9ca5", N: "#7fa6ff", O: "#ff7d78", F: "#6fd487", P: "#ffb066", S: "#ecd257", Cl: "#6fd487", Br: "#ef9d83", I: "#cf9bf2" },
};

class View {
  constructor() {
    this.spinning = false;
    element("reset").addEventListener("click", () => { this.viewer?.zoomTo(); this.viewer?.render(); });
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
        this.viewer ??= window.$3Dmol.createViewer(element("stage"), { backgroundAlpha: 0, antialias: true });
      } catch (error) {
        return this.say(`The 3D view could not be started: ${error.message}`);
      }
      if (this.wanted !== molecule) return undefined;
    }
    this.say("");
    this.viewer.removeAllModels();
    this.viewer.addModel(singleBonds(molecule), "sdf", { keepH: true });
    this.style();
    this.viewer.resize();
    this.viewer.zoomTo();
    this.viewer.render();
    return undefined;
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
}
