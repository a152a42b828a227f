import { createRouter, createWebHistory } from "vue-router";

import Console from "./pages/Console.vue";
import SignIn from "./pages/SignIn.vue";
import { me, recall, whenSignedOut } from "./session";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/sign-in", name: "sign-in", component: SignIn },
    { path: "/phone", name: "phone", component: () => import("./pages/Phone.vue") },
    {
      path: "/",
      component: Console,
      children: [
        { path: "", redirect: "/desk" },
        { path: "desk", name: "desk", component: () => import("./pages/Desk.vue") },
        { path: "calls", name: "calls", component: () => import("./pages/Calls.vue") },
        { path: "calls/:id", name: "call", component: () => import("./pages/Call.vue"), props: true },
      ],
    },
    { path: "/:rest(.*)*", name: "nowhere", component: () => import("./pages/Nowhere.vue") },
  ],
});

router.beforeEach(async (to) => {
  if (to.name === "nowhere") return true;
  await recall();
  if (!me.value && to.name !== "sign-in") return { name: "sign-in", query: { to: to.fullPath } };
  if (me.value && to.name === "sign-in") return { name: "desk" };
  return true;
});

whenSignedOut(() => {
  const { fullPath } = router.currentRoute.value;
  void router.push({ name: "sign-in", query: { to: fullPath, over: "1" } });
});
