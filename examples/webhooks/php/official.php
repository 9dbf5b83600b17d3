<?php
// composer require standard-webhooks/standard-webhooks
// php -S 127.0.0.1:3000 official.php
require __DIR__ . '/vendor/autoload.php';

$webhook = new \StandardWebhooks\Webhook(getenv('WEBHOOK_SECRET'));
$headers = [
    'webhook-id' => $_SERVER['HTTP_WEBHOOK_ID'] ?? null,
    'webhook-timestamp' => $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? null,
    'webhook-signature' => $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? null,
];
try {
    $event = $webhook->verify(file_get_contents('php://input'), $headers);
    error_log("{$event['name']} {$event['data']['id']}");
    http_response_code(204);
} catch (\Throwable) { // WebhookVerificationException, or a header in another form
    http_response_code(400);
}
