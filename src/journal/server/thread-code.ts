/** The code of the journal's thread: here a file, in the package a text in which everything is. A bundle has no other file. */
export const threadCode: URL | string = new URL('./thread.ts', import.meta.url)
