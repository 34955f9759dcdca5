/** A file of the page, as it is served. */
export interface PageFile {
  readonly type: string
  readonly text: string
}

/**
 * The files of the page by name. A file whose name has a hash never changes. The build puts the texts into this module; here they are what the last
 * build has made.
 */
export const pageFiles: Readonly<Record<string, PageFile>> = await built()

async function built() {
  const module = new URL('../../dist/dashboard/page-files.js', import.meta.url)
  return (await import(module.href)).pageFiles
}
