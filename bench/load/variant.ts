/** A way to write the same server. Ratios are taken against the variant named in `against`. */
export interface Variant {
  readonly title: string
  readonly against: string
  /** The target for the share of the requests per second of `against`. */
  readonly target?: number
  /** The path that clients ask for. @default '/' */
  readonly path?: string
}
