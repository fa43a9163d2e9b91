// Redoc over the contract of this server. Its style elements carry the nonce of this page.
'use strict';
Redoc.init('/openapi.json', {
    nonce: document.currentScript.nonce,
    hideDownloadButton: false,
    jsonSampleExpandLevel: 4,
    sortTagsAlphabetically: true,
}, document.getElementById('page'));
