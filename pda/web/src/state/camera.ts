// Reads a barcode out of one picture of the camera. The reader is ours to serve: no other host is asked.
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';
import wasm from 'zxing-wasm/reader/zxing_reader.wasm?url';

prepareZXingModule({
  overrides: {
    locateFile: (path: string, prefix: string) => (path.endsWith('.wasm') ? wasm : prefix + path),
  },
});
const canvas = document.createElement('canvas');

/** The code as a scanner head would send it, "" when there is none. */
export async function readCode(video: HTMLVideoElement): Promise<string> {
  if (!video.videoWidth) return '';
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (!context) return '';
  context.drawImage(video, 0, 0);
  const found = await readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), {
    tryHarder: true,
    maxNumberOfSymbols: 1,
  });
  const first = found[0];
  return first
    ? first.symbologyIdentifier && first.contentType === 'GS1'
      ? first.symbologyIdentifier + first.text
      : first.text
    : '';
}
