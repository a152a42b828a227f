import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

// `npm run dev` serves the pages and passes the rest to a running hotline.
const hotline = process.env.HOTLINE ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [vue()],
  define: {
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: "es2022",
    // The server's Content-Security-Policy takes nothing but files of its own.
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "element", test: /node_modules\/(element-plus|@element-plus|@vueuse|lodash|@floating-ui|dayjs|@popperjs|@sxzz|async-validator)/ },
            { name: "sip", test: /node_modules\/(jssip|sdp-transform|events|debug|ms)\// },
            { name: "vue", test: /node_modules\/(vue|@vue|vue-i18n|@intlify|vue-router)/ },
          ],
        },
      },
    },
  },
  server: {
    proxy: {
      "/api": { target: hotline, ws: true, changeOrigin: true },
    },
  },
});
