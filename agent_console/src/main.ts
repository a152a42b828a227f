import { createApp } from "vue";

import App from "./App.vue";
import { installElement } from "./element";
import { i18n, setLocale } from "./i18n";
import { unlockSounds } from "./phone/sounds";
import { router } from "./router";
import "./style.css";

setLocale(i18n.global.locale.value);
unlockSounds();
// A page brought back from the browser's memory has lost its telephone and its link.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());

const app = createApp(App).use(i18n).use(router);
installElement(app);
app.mount("#app");
