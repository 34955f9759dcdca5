import { Component, type ComponentType, createElement } from 'preact'

/** Makes a component that is drawn again only when one of its properties is another one. */
export function memo<P extends object>(drawn: ComponentType<P>): ComponentType<P> {
  return class extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      return Object.keys(next).some((name) => next[name as keyof P] !== this.props[name as keyof P])
    }

    override render() {
      return createElement(drawn, this.props)
    }
  }
}
