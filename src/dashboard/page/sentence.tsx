/**
 * A sentence of the server, in which names stand in quotation marks. The direction of a name's letters, and control characters in it, turn nothing
 * that stands behind it.
 */
export function Sentence({ text }: { readonly text: string }) {
  const parts = text.split('"')
  return (
    <>
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts have no other name
        <span key={index}>
          {index > 0 && '"'}
          <bdi>{part}</bdi>
        </span>
      ))}
    </>
  )
}

/** Names in a row, each of which stands for itself. */
export function Names({ names }: { readonly names: readonly string[] }) {
  return (
    <>
      {names.map((name, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <bdi>{name}</bdi>
        </span>
      ))}
    </>
  )
}
