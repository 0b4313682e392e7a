const box = document.getElementById("show-code");
const show = () => document.querySelectorAll("details.code").forEach(code => { code.open = box.checked; });
box.addEventListener("change", show);
box.parentElement.hidden = false;
if (box.checked) show();
