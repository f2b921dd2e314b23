// Java 17 or later, nothing else: java Call.java. application.key: the application's private key, mode 0600.
import java.net.URI;
import java.net.http.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.*;

public class Call {
    public static void main(String[] arguments) throws Exception {
        String url = @URL@, mode = @MODE@, application = @APPLICATION@;
        byte[] body = @BODY@.getBytes(StandardCharsets.UTF_8);

        // The last part of the file is one byte for the algorithm and 32 of the Ed25519 seed.
        String text = Files.readString(Path.of("application.key")).strip();
        byte[] blob = Base64.getDecoder().decode(text.split("\\+", 5)[4]);
        byte[] pkcs8 = new byte[48];
        System.arraycopy(HexFormat.of().parseHex("302e020100300506032b657004220420"), 0, pkcs8, 0, 16);
        System.arraycopy(blob, 1, pkcs8, 16, 32);
        PrivateKey key = KeyFactory.getInstance("Ed25519").generatePrivate(new PKCS8EncodedKeySpec(pkcs8));

        byte[] nonce = new byte[16];
        new SecureRandom().nextBytes(nonce);
        String digest = "sha-256=:" + base64(MessageDigest.getInstance("SHA-256").digest(body)) + ":";
        String params = "(\"@method\" \"@path\" \"content-digest\");created=" + System.currentTimeMillis() / 1000
            + ";keyid=\"" + application + "\";nonce=\"" + HexFormat.of().formatHex(nonce) + "\"";
        String base = "\"@method\": POST\n\"@path\": /v1/" + mode + "\n\"content-digest\": " + digest
            + "\n\"@signature-params\": " + params;
        Signature signing = Signature.getInstance("Ed25519");
        signing.initSign(key);
        signing.update(base.getBytes(StandardCharsets.UTF_8));

        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/v1/" + mode))
            .header("Content-Type", "application/json")
            .header("Content-Digest", digest)
            .header("Signature-Input", "sig1=" + params)
            .header("Signature", "sig1=:" + base64(signing.sign()) + ":")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    static String base64(byte[] bytes) {
        return Base64.getEncoder().encodeToString(bytes);
    }
}
