// Text that the page carries gzipped and in base64.

const element = (id) => document.getElementById(id);

async function unpack(id) {
  if (!("DecompressionStream" in window)) throw new Error("this browser is too old to unpack it");
  const bytes = Uint8Array.from(atob(element(id).textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// A new element; strings become text, never markup.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// A drawing of the page's own; there may be none.
function drawing(svg, remark) {
  const place = make("span", { class: "drawing" });
  if (svg) place.innerHTML = svg;
  else place.append(make("em", {}, remark));
  return place;
}

const thousands = (number) => number.toLocaleString("en");
