for (const each of document.querySelectorAll(".scripted")) each.hidden = false;

let gallery = null;
let part = 0;
const view = new View();

startTheme(() => view.style());
startComparison();
startParts((shown) => {
  part = shown;
  if (gallery?.files.length > 1) gallery.showFile(part);
});

async function startGallery() {
  element("unpacking").hidden = false;
  try {
    const data = JSON.parse(await unpack("data"));
    const dialog = new MoleculeDialog(data.others, data.files, view);
    gallery = new Gallery(data, (molecule) => dialog.show(molecule));
    dialog.gallery = gallery;
    element("gallery").hidden = false;
    element("unpacking").hidden = true;
    gallery.showFile(data.files.length > 1 ? part : -1);
  } catch (error) {
    element("unpacking").textContent = `The molecules could not be unpacked: ${error.message}`;
  }
}
startGallery();
