// The module imports a file that is not there.
const name = 'none.ts'
await import(new URL(name, import.meta.url).href)
