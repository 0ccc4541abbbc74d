export declare function t(key: string, text?: string, values?: Record<string, unknown>): string;
