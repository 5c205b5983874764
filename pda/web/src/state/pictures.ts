// A photo as the device keeps it: at most 1600 px, JPEG, bytes only. Not for storing or sending.

const MOST = 1600;

export async function shrink(file: Blob): Promise<ArrayBuffer> {
  const picture = await decode(file);
  const scale = Math.min(1, MOST / Math.max(picture.width, picture.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('canvas');
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise<Blob>((resolve, reject) => {
    canvas.toBlob(
      (made) => (made ? resolve(made) : reject(new Error('toBlob'))),
      'image/jpeg',
      0.8,
    );
  });
  return bytesOf(blob);
}

function decode(file: Blob): Promise<HTMLImageElement> {
  return new Promise((resolve, reject) => {
    const picture = new Image(),
      url = URL.createObjectURL(file);
    picture.onload = () => {
      URL.revokeObjectURL(url);
      resolve(picture);
    };
    picture.onerror = () => {
      URL.revokeObjectURL(url);
      reject(new Error('decode'));
    };
    picture.src = url;
  });
}

/** Blob.arrayBuffer is newer than our oldest WebView. */
function bytesOf(blob: Blob): Promise<ArrayBuffer> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as ArrayBuffer);
    reader.onerror = () => reject(new Error('read'));
    reader.readAsArrayBuffer(blob);
  });
}
