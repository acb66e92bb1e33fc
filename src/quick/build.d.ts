/** Names the code that this build was made of: another build may decide otherwise, and believes no hints of this one. */
declare const __BUILD__: string;
