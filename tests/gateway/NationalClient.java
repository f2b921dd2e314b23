import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * A client of the national data sharing platform, written from its published convention alone: it knows an address, a
 * requester, a service, an application key, and nothing of whoever answers.
 */
public class NationalClient {
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] given) throws Exception {
        String address = given[0], rid = given[1], sid = given[2], name = given[3], value = given[4];
        String key = new String(System.in.readAllBytes(), StandardCharsets.UTF_8).trim();
        String secret = secondSecret(address, rid, sid, key);
        String time = String.valueOf(System.currentTimeMillis());
        String query = name + "=" + URLEncoder.encode(value, StandardCharsets.UTF_8);
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/httpproxy?" + query))
            .header("gjgxjhpt_rid", rid).header("gjgxjhpt_sid", sid).header("gjgxjhpt_rtime", time)
            .header("gjgxjhpt_sign", sign(secret, sid + rid + time)).GET().build();
        System.out.println(HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body());
    }

    private static String secondSecret(String address, String rid, String sid, String key) throws Exception {
        String time = String.valueOf(System.currentTimeMillis());
        String body = String.format(
            "{\"gjgxjhpt_rid\":\"%s\",\"gjgxjhpt_sid\":\"%s\",\"gjgxjhpt_rtime\":\"%s\",\"gjgxjhpt_sign\":\"%s\"}",
            rid, sid, time, sign(key, sid + rid + time));
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/sysapi/auth/refreshappsecret"))
            .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build();
        String said = HTTP.send(request, HttpResponse.BodyHandlers.ofString()).body();
        if (!"0".equals(found("\"code\":\"([^\"]*)\"", said))) {
            throw new IllegalStateException(said);
        }
        return decrypted(found("\"secret\":\"([^\"]*)\"", said), key);
    }

    private static String sign(String key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String decrypted(String text, String key) throws Exception {
        SecureRandom random = SecureRandom.getInstance("SHA1PRNG");
        random.setSeed(key.getBytes(StandardCharsets.UTF_8));
        KeyGenerator generator = KeyGenerator.getInstance("AES");
        generator.init(128, random);
        Cipher cipher = Cipher.getInstance("AES/ECB/PKCS5Padding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(generator.generateKey().getEncoded(), "AES"));
        return new String(cipher.doFinal(Base64.getDecoder().decode(text)), StandardCharsets.UTF_8);
    }

    private static String found(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        return matcher.find() ? matcher.group(1) : "";
    }
}
