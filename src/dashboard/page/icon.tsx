const paths = {
  auto: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 0v12M8 5.2h4.6M8 8h5.9M8 10.8h4.6',
  light:
    'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6ZM8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M3 13l1.2-1.2M11.8 4.2 13 3',
  dark: 'M13.6 9.6A6 6 0 0 1 6.4 2.4a6 6 0 1 0 7.2 7.2Z',
  close: 'M4 4l8 8M12 4l-8 8',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3.5v9l7.5-4.5L5 3.5Z',
  chevron: 'M6 4l4 4-4 4',
  back: 'M10 4L6 8l4 4',
  retry: 'M12.9 6A5.2 5.2 0 1 0 13.2 8.6M13 2.6V6H9.6',
  discard: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5',
  run: 'M4.5 3v10l8-5-8-5Z',
  warning: 'M8 2.2 14.2 13H1.8L8 2.2ZM8 6.4v3.2M8 11.2v.3',
  notice: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM8 7.4v3.4M8 5.1v.3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.4 10.4 14 14',
  done: 'M3 8.4l3.2 3.2L13 4.8',
  failed: 'M4 4l8 8M12 4l-8 8',
  'timed-out': 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM8 5v3.2l2.2 1.4',
  cancelled: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11ZM4.2 4.2l7.6 7.6',
  running: 'M4.5 3v10l8-5-8-5Z',
  lost: 'M8 2 14 8 8 14 2 8 8 2ZM5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4',
  kept: 'M3 4.5C3 3.4 5.2 2.5 8 2.5s5 .9 5 2-2.2 2-5 2-5-.9-5-2ZM3 4.5v7c0 1.1 2.2 2 5 2s5-.9 5-2v-7M3 8c0 1.1 2.2 2 5 2s5-.9 5-2',
  retrying: 'M12.9 6A5.2 5.2 0 1 0 13.2 8.6M13 2.6V6H9.6',
  waiting: 'M4 2.5h8M4 13.5h8M5 2.5c0 3 6 3.2 6 5.5s-6 2.5-6 5.5M11 2.5c0 3-6 3.2-6 5.5',
  unknown: 'M5.8 6a2.2 2.2 0 1 1 3.2 2c-.7.4-1 .8-1 1.6M8 11.8v.3',
  lock: 'M4 7.5h8V13H4V7.5ZM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
} as const

export type IconName = keyof typeof paths

/** A small drawing in the colour of the text. Words beside it say the same. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  )
}
