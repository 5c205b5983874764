// The camera and its barcode reader load when somebody opens them: half a megabyte nobody else needs.
import { defineAsyncComponent } from 'vue';

export default defineAsyncComponent(() => import('./CameraSheet.vue'));
