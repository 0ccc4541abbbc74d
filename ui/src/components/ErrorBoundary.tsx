import { Component } from 'react';
import type { ReactNode } from 'react';
import { Notice } from './States';

interface Props {
  /** What fails, for the message: "The page Home". */
  what: string;
  children: ReactNode;
}

/** Keeps a mistake in one part of the page from taking the rest with it. */
export class ErrorBoundary extends Component<Props, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div style={{ padding: 12 }}>
        <Notice tone="bad" icon="warning" title={`${this.props.what} could not be shown`}>
          {this.state.error.message}{' '}
          <button type="button" onClick={() => this.setState({ error: undefined })}>Try again</button>
        </Notice>
      </div>
    );
  }
}
