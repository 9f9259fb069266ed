/** The name of the step's state by which `post` finds what is left to remove. By itself, as `post` loads nothing else. */
export const configState = 'docker-config';
