/** The code of an inspection's thread: here a file, in the package a text in which everything is. A bundle has no other file. */
export const threadCode: URL | string = new URL('./thread.ts', import.meta.url)
