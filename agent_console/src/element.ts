/** The Element Plus components that the pages use; nothing else of it gets into the build. */
import {
  ElAlert, ElButton, ElConfigProvider, ElEmpty, ElForm, ElFormItem, ElIcon,
  ElInput, ElOption, ElOptionGroup, ElPopover, ElSelect, ElSlider, ElTable, ElTableColumn, ElTag, ElTimeline, ElTimelineItem,
  vLoading,
} from "element-plus";
import type { App } from "vue";

import "element-plus/es/components/base/style/css";
import "element-plus/es/components/alert/style/css";
import "element-plus/es/components/button/style/css";
import "element-plus/es/components/empty/style/css";
import "element-plus/es/components/form/style/css";
import "element-plus/es/components/form-item/style/css";
import "element-plus/es/components/icon/style/css";
import "element-plus/es/components/input/style/css";
import "element-plus/es/components/loading/style/css";
import "element-plus/es/components/message/style/css";
import "element-plus/es/components/message-box/style/css";
import "element-plus/es/components/option/style/css";
import "element-plus/es/components/option-group/style/css";
import "element-plus/es/components/popover/style/css";
import "element-plus/es/components/select/style/css";
import "element-plus/es/components/slider/style/css";
import "element-plus/es/components/table/style/css";
import "element-plus/es/components/table-column/style/css";
import "element-plus/es/components/tag/style/css";
import "element-plus/es/components/timeline/style/css";
import "element-plus/es/components/timeline-item/style/css";

const COMPONENTS = {
  ElAlert, ElButton, ElConfigProvider, ElEmpty, ElForm, ElFormItem, ElIcon,
  ElInput, ElOption, ElOptionGroup, ElPopover, ElSelect, ElSlider, ElTable, ElTableColumn, ElTag, ElTimeline, ElTimelineItem,
};

export function installElement(app: App): void {
  for (const [name, component] of Object.entries(COMPONENTS)) app.component(name, component);
  app.directive("loading", vLoading);
}
