// Next compiles this for the edge runtime as well, where it refuses the global by its name.
const node = globalThis.process

/** Holds up each revalidation until the test lets it go on. */
export default class Cache {
  static entries = new Map()

  get(key) {
    return Cache.entries.get(key) ?? null
  }

  set(key, value) {
    Cache.entries.set(key, { value, lastModified: Date.now() })
  }

  async revalidateTag() {
    const { promise, resolve } = Promise.withResolvers()
    const listen = ({ type, mark }) => {
      if (type === 'go' && mark === 'revalidation') resolve()
    }
    node.on('message', listen)
    node.send({ type: 'waiting', mark: 'revalidation' })
    await promise
    node.off('message', listen)
    Cache.entries.clear()
  }

  resetRequestCache() {}
}
