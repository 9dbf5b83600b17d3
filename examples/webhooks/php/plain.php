<?php
// php -S 127.0.0.1:3000 plain.php
function verify(string $body, string $id, string $timestamp, string $signatures): bool
{
    $key = base64_decode(substr(getenv('WEBHOOK_SECRET'), strlen('whsec_')));
    if ($key === '') throw new Exception('WEBHOOK_SECRET must be whsec_…');
    if (!ctype_digit($timestamp) || abs(time() - (int) $timestamp) > 300) return false;
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
    foreach (explode(' ', $signatures) as $signature) {
        if (hash_equals($expected, $signature)) return true;
    }
    return false;
}

$body = file_get_contents('php://input'); // the bytes as they came
$header = fn (string $name): string => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
if (verify($body, $header('ID'), $header('TIMESTAMP'), $header('SIGNATURE'))) {
    $event = json_decode($body, true);
    error_log("{$event['name']} {$event['data']['id']}");
    http_response_code(204);
} else {
    http_response_code(400);
}
