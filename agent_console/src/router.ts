import { shallowRef } from "vue";
import { createRouter, createWebHistory } from "vue-router";

import { ApiError } from "./api/client";
import Console from "./pages/Console.vue";
import SignIn from "./pages/SignIn.vue";
import { me, recall, whenSignedOut } from "./session";

declare module "vue-router" {
  interface RouteMeta {
    /** Key of the page's name in the messages. */
    title?: string;
  }
}

/** Why the server cannot say who is signed in; asked again by itself. */
export const failure = shallowRef<ApiError>();
const RETRY_MS = 3_000;

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/sign-in", name: "sign-in", component: SignIn, meta: { title: "signIn.submit" } },
    { path: "/phone", name: "phone", component: () => import("./pages/Phone.vue"), meta: { title: "citizen.heading" } },
    {
      path: "/",
      component: Console,
      children: [
        { path: "", redirect: "/desk" },
        { path: "desk", name: "desk", component: () => import("./pages/Desk.vue"), meta: { title: "nav.desk" } },
        { path: "calls", name: "calls", component: () => import("./pages/Calls.vue"), meta: { title: "nav.calls" } },
        { path: "books", name: "books", component: () => import("./pages/Books.vue"), meta: { title: "nav.books" } },
        { path: "callbacks", name: "callbacks", component: () => import("./pages/Callbacks.vue"), meta: { title: "nav.callbacks" } },
        { path: "marks", name: "marks", component: () => import("./pages/Marks.vue"), meta: { title: "nav.marks" } },
        { path: "calls/:id", name: "call", component: () => import("./pages/Call.vue"), props: true, meta: { title: "call.summary" } },
      ],
    },
    { path: "/:rest(.*)*", name: "nowhere", component: () => import("./pages/Nowhere.vue") },
  ],
});

router.beforeEach(async (to) => {
  if (to.name === "nowhere") return true;
  try {
    await recall();
    failure.value = undefined;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    failure.value = error;
    window.setTimeout(() => void router.replace(to.fullPath), RETRY_MS);
    return false;
  }
  if (!me.value && to.name !== "sign-in") return { name: "sign-in", query: { to: to.fullPath } };
  if (me.value && to.name === "sign-in") return { name: "desk" };
  return true;
});

whenSignedOut(() => {
  const { fullPath } = router.currentRoute.value;
  void router.push({ name: "sign-in", query: { to: fullPath, over: "1" } });
});
