import { shallowRef } from "vue";
import { createRouter, createWebHistory } from "vue-router";

import { ApiError } from "./api/client";
import Books from "./pages/Books.vue";
import Call from "./pages/Call.vue";
import Callbacks from "./pages/Callbacks.vue";
import Calls from "./pages/Calls.vue";
import Console from "./pages/Console.vue";
import Desk from "./pages/Desk.vue";
import Marks from "./pages/Marks.vue";
import Nowhere from "./pages/Nowhere.vue";
import Phone from "./pages/Phone.vue";
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

// No page is fetched on the way to it: while the server is away or was replaced, its file is not to be had, and a reload would
// end the call in this page's telephone.
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/sign-in", name: "sign-in", component: SignIn, meta: { title: "signIn.submit" } },
    { path: "/phone", name: "phone", component: Phone, meta: { title: "citizen.heading" } },
    {
      path: "/",
      component: Console,
      children: [
        { path: "", redirect: "/desk" },
        { path: "desk", name: "desk", component: Desk, meta: { title: "nav.desk" } },
        { path: "calls", name: "calls", component: Calls, meta: { title: "nav.calls" } },
        { path: "books", name: "books", component: Books, meta: { title: "nav.books" } },
        { path: "callbacks", name: "callbacks", component: Callbacks, meta: { title: "nav.callbacks" } },
        { path: "marks", name: "marks", component: Marks, meta: { title: "nav.marks" } },
        { path: "calls/:id", name: "call", component: Call, props: true, meta: { title: "call.summary" } },
      ],
    },
    { path: "/:rest(.*)*", name: "nowhere", component: Nowhere },
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
