/** QR codes: on the page, and as files to print or to put into a document. */
import { Button, Group } from '@mantine/core';
import type { ReactNode } from 'react';
import { encode } from 'uqr';
import { saveFile } from './csv.ts';
import { useWords } from './i18n/index.tsx';
import { Icon } from './icons.tsx';

/** The margin that the standard asks for, in modules. */
const QUIET_ZONE = 4;
const SHOWN_PX = 220;
/** A print of 8 cm has 300 dots an inch with it. */
const LEAST_PNG_PX = 1_000;

interface Drawing {
  /** Modules on each side, with the margin. */
  readonly size: number;
  /** Its dark modules, of 1 × 1, as an SVG path. */
  readonly path: string;
}

function drawingOf(text: string): Drawing {
  const { data } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  const rows = data.flatMap((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')));
  return { size: data.length, path: rows.join('') };
}

interface Props {
  /** What a reader of the code reads. */
  readonly text: string;
  readonly label: string;
  /** Of the files, without its end. Without a name there are none to be had: a secret is not kept in files. */
  readonly name?: string;
}

/** Black on white in the dark, too: many readers do not read it otherwise. */
export function QrCode({ text, label, name }: Props): ReactNode {
  const drawing = drawingOf(text);
  return (
    <>
      <svg
        role="img"
        aria-label={label}
        width={SHOWN_PX}
        height={SHOWN_PX}
        viewBox={`0 0 ${drawing.size} ${drawing.size}`}
        shapeRendering="crispEdges"
      >
        <path d={`M0 0h${drawing.size}v${drawing.size}h-${drawing.size}z`} fill="#fff" />
        <path d={drawing.path} fill="#000" />
      </svg>
      {name !== undefined && <Files drawing={drawing} name={name} />}
    </>
  );
}

function Files({ drawing, name }: { readonly drawing: Drawing; readonly name: string }): ReactNode {
  const { t } = useWords();
  return (
    <Group gap="xs">
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="download" size={14} />}
        onClick={() => saveFile(svgOf(drawing), `${name}.svg`)}
      >
        {t('link.downloadSvg')}
      </Button>
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name="download" size={14} />}
        onClick={() => void pngOf(drawing).then((file) => saveFile(file, `${name}.png`))}
      >
        {t('link.downloadPng')}
      </Button>
    </Group>
  );
}

function svgOf({ size, path }: Drawing): Blob {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size} ${size}" width="${LEAST_PNG_PX}" height="${LEAST_PNG_PX}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h${size}v${size}h-${size}z"/><path fill="#000" d="${path}"/></svg>\n`;
  return new Blob([text], { type: 'image/svg+xml' });
}

/** Each module is a whole number of pixels, so that every edge is sharp. */
function pngOf({ size, path }: Drawing): Promise<Blob> {
  const scale = Math.ceil(LEAST_PNG_PX / size);
  const canvas = document.createElement('canvas');
  canvas.width = size * scale;
  canvas.height = size * scale;
  const context = canvas.getContext('2d');
  if (context === null) throw new Error('this browser draws nothing');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(scale, scale);
  context.fillStyle = '#000';
  context.fill(new Path2D(path));
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error('this browser makes no PNG'));
      else resolve(blob);
    }, 'image/png');
  });
}
