// Needs Java 11 or later. application.secret: the secret that the application's page showed, mode 0600.
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Cipher;
import javax.crypto.KeyGenerator;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

public class NationalCall {
    static final String URL = @URL@, RID = @RID@, SID = @SID@;
    static final String[][] PARAMETERS = {@PARAMETERS@};
    static final HttpClient HTTP = HttpClient.newHttpClient();

    public static void main(String[] none) throws Exception {
        String key = Files.readString(Path.of("application.secret")).trim();
        // Good for half a day: keep it and ask again when it ends.
        String secret = secondSecret(key);
        String time = String.valueOf(System.currentTimeMillis());
        StringBuilder query = new StringBuilder();
        for (String[] each : PARAMETERS) {
            query.append(query.length() == 0 ? "?" : "&").append(each[0]).append("=")
                 .append(URLEncoder.encode(each[1], StandardCharsets.UTF_8));
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL + "/httpproxy" + query))
            .header("gjgxjhpt_rid", RID).header("gjgxjhpt_sid", SID).header("gjgxjhpt_rtime", time)
            .header("gjgxjhpt_sign", sign(secret, SID + RID + time))@OPERATION@.GET().build();
        System.out.println(HTTP.send(request, BodyHandlers.ofString()).body());
    }

    static String secondSecret(String key) throws Exception {
        String time = String.valueOf(System.currentTimeMillis());
        String body = String.format(
            "{\"gjgxjhpt_rid\":\"%s\",\"gjgxjhpt_sid\":\"%s\",\"gjgxjhpt_rtime\":\"%s\",\"gjgxjhpt_sign\":\"%s\"}",
            RID, SID, time, sign(key, SID + RID + time));
        HttpRequest request = HttpRequest.newBuilder(URI.create(URL + "/sysapi/auth/refreshappsecret"))
            .header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body)).build();
        String said = HTTP.send(request, BodyHandlers.ofString()).body();
        if (!"0".equals(found("\"code\":\"([^\"]*)\"", said))) {
            throw new IllegalStateException(said);
        }
        SecureRandom random = SecureRandom.getInstance("SHA1PRNG");
        random.setSeed(key.getBytes(StandardCharsets.UTF_8));
        KeyGenerator generator = KeyGenerator.getInstance("AES");
        generator.init(128, random);
        Cipher cipher = Cipher.getInstance("AES/ECB/PKCS5Padding");
        cipher.init(Cipher.DECRYPT_MODE, new SecretKeySpec(generator.generateKey().getEncoded(), "AES"));
        byte[] wrapped = Base64.getDecoder().decode(found("\"secret\":\"([^\"]*)\"", said));
        return new String(cipher.doFinal(wrapped), StandardCharsets.UTF_8);
    }

    static String sign(String key, String text) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        return Base64.getEncoder().encodeToString(mac.doFinal(text.getBytes(StandardCharsets.UTF_8)));
    }

    static String found(String pattern, String text) {
        Matcher matcher = Pattern.compile(pattern).matcher(text);
        return matcher.find() ? matcher.group(1) : "";
    }
}
