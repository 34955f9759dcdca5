/** A way to write the same server. Ratios are taken against the variant named in `against`. */
export interface Variant {
  readonly title: string
  readonly against: string
  /** What the share of the requests per second of `against` has to be. */
  readonly target?: number
  /** What is asked for. @default '/' */
  readonly path?: string
}
