// Frames of molecules with a slider; each is drawn anew, from the side that the reader has turned to.

const COLOURS = { H: "#c3cbd1", C: "#5a656e", N: "#2f62e0", O: "#d8323a", F: "#2f9a4a", P: "#d97a16", S: "#c9a400", Cl: "#2f9a4a", Br: "#8c2f1b", I: "#7a3fb0" };
const FOCUS = "#f2b01e";
const NEXT = "#1d9a6c";
const ORIGIN = "#8a5aa8";

const point = ([x, y, z]) => ({ x, y, z });

class Frames {
  constructor(frames, viewer) {
    this.frames = frames;
    this.viewer = viewer;
    this.timer = null;
    element("legend").hidden = !frames.some((frame) => frame.has_origin);
    element("slider").addEventListener("input", (event) => this.show(Number(event.target.value)));
    element("back").addEventListener("click", () => this.show(this.number - 1));
    element("forth").addEventListener("click", () => this.show(this.number + 1));
    element("play").addEventListener("click", () => (this.timer ? this.pause() : this.play()));
    this.show(0);
    // one sees all frames from the same distance where they are steps of one molecule
    if (frames.some((frame) => frame.has_origin)) this.embrace();
  }

  play() {
    if (this.number === this.frames.length - 1) this.show(0);
    this.timer = setInterval(() => (this.number < this.frames.length - 1 ? this.show(this.number + 1) : this.pause()), 900);
    element("play").textContent = "Pause";
  }

  pause() {
    clearInterval(this.timer);
    this.timer = null;
    element("play").textContent = "Play";
  }

  show(number) {
    this.number = Math.min(Math.max(number, 0), this.frames.length - 1);
    const frame = this.frames[this.number];
    this.draw(frame);
    if (!frame.has_origin) this.fit();
    this.viewer.render();
    element("slider").value = this.number;
    element("caption").textContent = frame.caption;
    element("number").textContent = `${this.number + 1} of ${this.frames.length}`;
  }

  draw(frame) {
    this.viewer.removeAllModels();
    this.viewer.removeAllShapes();
    if (frame.symbols.length) {
      const lines = frame.symbols.map((symbol, atom) => `${symbol} ${frame.pos[atom].join(" ")}`);
      this.viewer.addModel([frame.symbols.length, "", ...lines].join("\n"), "xyz", { keepH: true });
      this.style(frame);
    }
    if (frame.has_origin) this.viewer.addSphere({ center: { x: 0, y: 0, z: 0 }, radius: 0.12, color: ORIGIN });
    if (frame.focus !== null) {
      const center = frame.focus < 0 ? { x: 0, y: 0, z: 0 } : point(frame.pos[frame.focus]);
      this.viewer.addSphere({ center, radius: 0.55, color: FOCUS, opacity: 0.45 });
    }
    if (frame.following) {
      const [symbol, place] = frame.following;
      this.viewer.addSphere({ center: point(place), radius: symbol === "H" ? 0.24 : 0.34, color: NEXT, opacity: 0.6 });
    }
  }

  style(frame) {
    const scheme = { prop: "elem", map: COLOURS };
    const drawn = (selection, stick, sphere, opacity) =>
      this.viewer.setStyle(selection, {
        stick: { radius: stick, colorscheme: scheme, opacity },
        sphere: { radius: sphere, colorscheme: scheme, opacity },
      });
    drawn({}, 0.11, 0.32, 1);
    drawn({ elem: "H" }, 0.08, 0.22, 1);
    if (frame.finished.length && frame.focus !== null) {
      drawn({ index: [...frame.finished] }, 0.11, 0.28, 0.45);
      drawn({ index: [...frame.finished], elem: "H" }, 0.08, 0.2, 0.45);
    }
  }

  fit() {
    this.viewer.zoomTo();
    this.viewer.zoom(1.2);
  }

  // Zooms so that the largest frame has room.
  embrace() {
    const largest = this.frames.reduce((most, frame) => (frame.symbols.length > most.symbols.length ? frame : most));
    this.draw(largest);
    this.fit();
    this.show(0);
  }
}

async function start() {
  try {
    const script = document.createElement("script");
    script.textContent = await unpack("viewer-script");
    document.head.append(script);
    if (!window.$3Dmol) throw new Error("the library has not started");
    const canvas = document.createElement("canvas");
    if (!(canvas.getContext("webgl2") ?? canvas.getContext("webgl"))) throw new Error("WebGL is missing or switched off");
    const frames = JSON.parse(await unpack("frames"));
    element("note").remove();
    new Frames(frames, window.$3Dmol.createViewer(element("stage"), { backgroundColor: "#f7f8f8", antialias: true }));
  } catch (error) {
    element("caption").textContent = `The 3D view could not be started: ${error.message}`;
  }
}
start();
