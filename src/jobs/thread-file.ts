/** Names the file that the threads of jobs run. The build writes its name in the package: bundlers find it by this expression. */
export const threadFile = (): URL => new URL('./thread-worker.ts', import.meta.url)
