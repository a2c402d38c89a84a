// Enlarges pictures, and moves through the sheets of a run. The page says the same without it.
"use strict";
(() => {
  const dialog = document.createElement("dialog");
  const large = document.createElement("img");
  const close = document.createElement("button");
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.className = "zoom";
  dialog.append(close, large);
  document.body.append(dialog);

  function enlarge(image) {
    large.src = image.src;
    large.alt = image.alt;
    large.className = image.className;
    large.style.width = `${Math.max(2 * image.naturalWidth, image.clientWidth)}px`;
    dialog.setAttribute("aria-label", image.alt);
    dialog.showModal();
  }

  for (const image of document.querySelectorAll("figure > img")) {
    const button = document.createElement("button");
    button.className = "enlarge";
    button.textContent = "Enlarge";
    button.setAttribute("aria-label", `Enlarge: ${image.alt}`);
    button.addEventListener("click", () => enlarge(image));
    image.after(button);
  }

  const earlier = document.querySelector("details.earlier");
  const latest = document.querySelector("figure.latest");
  if (earlier && latest) {
    const figures = [...earlier.querySelectorAll("figure"), latest];
    const last = figures.length - 1;
    const sources = figures.map((figure) => figure.querySelector("img").src);
    const names = figures.map((figure) => figure.dataset.moment);
    const label = document.createElement("label");
    const slider = document.createElement("input");
    const shown = document.createElement("output");
    label.className = "slider";
    Object.assign(slider, { type: "range", min: 0, max: last, value: last });
    shown.textContent = names[last];
    label.append("Sheet ", slider, shown);
    slider.addEventListener("input", () => {
      const image = latest.querySelector("img");
      image.src = sources[slider.value];
      image.classList.toggle("small", Number(slider.value) !== last);
      shown.textContent = names[slider.value];
    });
    latest.before(label);
  }

  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();
