const box = document.getElementById("show-code");
const show = () => document.querySelectorAll("details.code").forEach(code => { code.open = box.checked; });
box.addEventListener("change", show);
box.parentElement.hidden = false;
if (box.checked) show();
document.querySelectorAll(".output_html, .output_markdown").forEach((area, place) => {
  if (area.scrollWidth > area.clientWidth) Object.assign(area, { tabIndex: 0, role: "region", ariaLabel: `Wide table ${place + 1}` });
});
