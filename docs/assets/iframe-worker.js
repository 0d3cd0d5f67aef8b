// Browsers refuse workers to pages that are opened as files. There the script of the search runs in a hidden frame, which
// looks like a worker to the page, and like a worker's scope to the script.
if (location.protocol === "file:") {
  const load = (scope, url) =>
    new Promise((loaded, failed) => {
      const script = scope.document.createElement("script");
      Object.assign(script, { src: url, onload: loaded, onerror: failed });
      scope.document.body.append(script);
    });

  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      Object.assign(this.frame, { hidden: true, srcdoc: "<body></body>" });
      this.ready = new Promise((ready) => this.frame.addEventListener("load", ready, { once: true })).then(() => {
        this.scope = this.frame.contentWindow;
        this.scope.postMessage = (data) => this.tell(data);
        this.scope.importScripts = (...urls) =>
          urls.reduce((before, each) => before.then(() => load(this.scope, each)), Promise.resolve());
        return load(this.scope, url);
      });
      document.body.append(this.frame);
    }

    tell(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      this.onmessage?.(event);
    }

    postMessage(data) {
      this.ready.then(() => this.scope.dispatchEvent(new this.scope.MessageEvent("message", { data })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
