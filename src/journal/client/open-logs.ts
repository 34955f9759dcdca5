/** The functions that end the open logs when the process ends by itself. */
export const openLogs = new Set<() => void>()
process.on('exit', () => {
  for (const end of openLogs) end()
})
