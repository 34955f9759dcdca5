// The part of the runtime's own module that the tests and examples use.
declare module 'cloudflare:workers' {
  // biome-ignore lint/suspicious/noExplicitAny: the bindings are those of whoever starts the Worker
  export const env: Record<string, any>
}
