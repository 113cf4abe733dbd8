// Sliders of live figures have no name of their own for a screen reader: give them the text of their widget.
function name_sliders(root) {
  for (const element of root.querySelectorAll("*")) {
    if (element.classList.contains("noUi-handle") && !element.hasAttribute("aria-label")) {
      const title = root.querySelector(".bk-slider-title");
      element.setAttribute("aria-label", (title && title.textContent.trim()) || "slider");
    }
    if (element.shadowRoot) name_sliders(element.shadowRoot);
  }
}
let times = 0;
const timer = setInterval(() => {
  name_sliders(document);
  if (++times > 20) clearInterval(timer);
}, 500);
