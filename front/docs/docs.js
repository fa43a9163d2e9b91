// Swagger UI over the contract of this server. validatorUrl null: nothing is asked of another server.
'use strict';
window.ui = SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#page',
    deepLinking: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    filter: true,
    tagsSorter: 'alpha',
    validatorUrl: null,
});
