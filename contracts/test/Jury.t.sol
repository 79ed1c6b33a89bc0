// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Row} from "../src/audit/Convictions.sol";
import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Source} from "../src/Types.sol";
import {Case} from "./support/Case.sol";
import {vm} from "./support/Test.sol";

contract JuryTest is Case {
    uint256 constant HOST_KEY = 0xB0B;
    address[] jurors;

    function setUp() external {
        populateCase();
        vm.warp(1_000 * 8 days + 1 days);
        fund(WATCHER, 100 ether);
    }

    function enrol(uint256 count) internal {
        for (uint256 i = 1; i <= count; ++i) {
            address who = auditor(i);
            fund(who, 200 ether);
            vm.startPrank(who);
            staking.stake(Keys.AUDITORS, 100 ether);
            audit.enrol();
            vm.stopPrank();
        }
    }

    function auditor(uint256 i) internal pure returns (address) {
        return address(uint160(0xEE00 + i));
    }

    function called() internal returns (Drawn memory d) {
        enrol(8);
        d = settleOpening(openingOf(honestEntries(), 0, honestList()), honestLeaves());
        revealed(d);
        vm.prank(WATCHER);
        audit.callJury(d.place, d.batch);
        jurors = audit.jury(d.id).jurors;
        vm.assertEq(jurors.length, 5);
    }

    function commitment(address who, uint256 id, bool guilty) internal pure returns (bytes32) {
        return keccak256(abi.encode(who, id, guilty, bytes32("salt")));
    }

    /// @dev The first `guilty` of `speak` jurors vote guilty, the others of them innocent, the rest stay silent.
    function vote(Drawn memory d, uint256 speak, uint256 guilty) internal {
        for (uint256 i; i < speak; ++i) {
            vm.prank(jurors[i]);
            audit.commitVerdict(d.id, commitment(jurors[i], d.id, i < guilty));
        }
        vm.warp(block.timestamp + 36 hours);
        for (uint256 i; i < speak; ++i) {
            vm.prank(jurors[i]);
            audit.revealVerdict(d.id, i < guilty, "salt");
        }
        vm.expectRevert(Errors.TooEarly.selector);
        audit.conclude(d.place, d.batch);
        vm.warp(block.timestamp + 36 hours);
        audit.conclude(d.place, d.batch);
    }

    function test_A8_three_of_five_convict() external {
        Drawn memory d = called();
        uint256 before = settlement.balanceOf(PAYER);
        vote(d, 5, 3);
        vm.assertEq(settlement.balanceOf(PAYER), before - 240 ether);
        vm.assertEq(settlement.balanceOf(WATCHER), 100 ether + 24 ether); // its fee came back
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.conclude(d.place, d.batch);
    }

    function test_A8_two_of_five_do_not_and_the_caller_pays_the_jurors() external {
        Drawn memory d = called();
        uint256 before = settlement.balanceOf(PAYER);
        vote(d, 5, 2);
        vm.assertEq(settlement.balanceOf(PAYER), before);
        vm.assertEq(settlement.balanceOf(WATCHER), 90 ether);
        vm.assertEq(settlement.balanceOf(jurors[0]), 102 ether);
    }

    function test_A9_a_silent_juror_is_slashed() external {
        Drawn memory d = called();
        vote(d, 3, 2); // two guilty votes are no majority of five
        vm.assertEq(staking.valueOf(Keys.AUDITORS, jurors[4]), 90 ether);
        vm.assertEq(staking.valueOf(Keys.AUDITORS, jurors[0]), 100 ether);
        vm.assertEq(settlement.balanceOf(jurors[0]), 100 ether + uint256(10 ether) / 3);
    }

    function test_a_jury_that_says_nothing_gives_the_fee_back() external {
        Drawn memory d = called();
        vote(d, 0, 0);
        vm.assertEq(settlement.balanceOf(WATCHER), 100 ether);
    }

    /// @dev A juror repeats another's commitment: it opens for nobody but its maker.
    function test_attack_auditors_who_copy() external {
        Drawn memory d = called();
        bytes32 first = commitment(jurors[0], d.id, true);
        vm.prank(jurors[0]);
        audit.commitVerdict(d.id, first);
        vm.prank(jurors[1]);
        audit.commitVerdict(d.id, first);
        vm.warp(block.timestamp + 36 hours);
        vm.prank(jurors[0]);
        audit.revealVerdict(d.id, true, "salt");
        vm.prank(jurors[1]);
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.revealVerdict(d.id, true, "salt");
    }

    function test_votes_out_of_turn_are_refused() external {
        Drawn memory d = called();
        vm.prank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        audit.commitVerdict(d.id, "x");
        vm.startPrank(jurors[0]);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.commitVerdict(d.id, bytes32(uint256(1)));
        vm.expectRevert(Errors.TooEarly.selector);
        audit.revealVerdict(d.id, true, "salt");
        audit.commitVerdict(d.id, commitment(jurors[0], d.id, true));
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.commitVerdict(d.id, "again");
        vm.warp(block.timestamp + 36 hours);
        vm.expectRevert(Errors.NotPending.selector);
        audit.commitVerdict(d.id, "late");
        vm.expectRevert(Errors.WrongReveal.selector);
        audit.revealVerdict(d.id, false, "salt");
        vm.warp(block.timestamp + 36 hours);
        vm.expectRevert(Errors.NotPending.selector);
        audit.revealVerdict(d.id, true, "salt");
        vm.stopPrank();
    }

    function test_juries_need_a_reveal_time_and_enough_auditors() external {
        enrol(4);
        Drawn memory d = settleOpening(openingOf(honestEntries(), 0, honestList()), honestLeaves());
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.callJury(d.place, d.batch);
        vm.expectRevert(Errors.StakeTooSmall.selector);
        audit.enrol();
        vm.stopPrank();
        vm.prank(auditor(1));
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.enrol();
        revealed(d);
        enrol2(5); // after the draw was closed: too late
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.StakeTooSmall.selector);
        audit.callJury(d.place, d.batch);
        vm.warp((d.batch.time / 8 days + 1) * 8 days + 4 days);
        vm.expectRevert(Errors.NotPending.selector);
        audit.callJury(d.place, d.batch);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.conclude(d.place, d.batch);
    }

    function enrol2(uint256 i) internal {
        fund(auditor(i), 200 ether);
        vm.startPrank(auditor(i));
        staking.stake(Keys.AUDITORS, 100 ether);
        audit.enrol();
        vm.stopPrank();
    }

    // ---- slashes by proof

    function served(uint256 key, uint64 sequence, bytes32 record, uint256 chain) internal view returns (bytes memory) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("OpenLedger Audit"),
                keccak256("1"),
                chain,
                address(audit)
            )
        );
        bytes32 kind = keccak256("Served(uint32 host,address payer,uint64 sequence,bytes32 record)");
        bytes32 digest = keccak256(
            abi.encodePacked(hex"1901", domain, keccak256(abi.encode(kind, uint32(PEOPLE + 1), PAYER, sequence, record)))
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function test_T4_a_host_that_signs_two_records_for_one_place_is_slashed() external {
        address owner = vm.addr(HOST_KEY);
        uint32 host = settlement.register(owner);
        vm.prank(PAYER);
        staking.stake(Keys.HOST_POOL | host, 100 ether);
        bytes32[2] memory records = [bytes32("a"), "b"];
        bytes[2] memory sigs = [served(HOST_KEY, 7, "a", block.chainid), served(HOST_KEY, 7, "b", block.chainid)];
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        audit.slashHost(host, PAYER, 8, records, sigs);
        vm.expectRevert(Errors.ClaimIsCorrect.selector);
        audit.slashHost(host, PAYER, 7, [bytes32("a"), "a"], sigs);
        audit.slashHost(host, PAYER, 7, records, sigs);
        vm.assertEq(settlement.balanceOf(WATCHER), 110 ether);
        vm.assertEq(staking.pool(Keys.HOST_POOL | host).assets, 80 ether);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.slashHost(host, PAYER, 7, records, sigs);
    }

    function test_attack_forged_and_replayed_host_signatures() external {
        uint32 host = settlement.register(vm.addr(HOST_KEY));
        bytes32[2] memory records = [bytes32("a"), "b"];
        // signed by another key
        bytes[2] memory sigs = [served(0xBAD, 7, "a", block.chainid), served(0xBAD, 7, "b", block.chainid)];
        vm.expectRevert(Errors.NotAllowed.selector);
        audit.slashHost(host, PAYER, 7, records, sigs);
        // signed for another chain
        sigs = [served(HOST_KEY, 7, "a", 999), served(HOST_KEY, 7, "b", 999)];
        vm.expectRevert(Errors.NotAllowed.selector);
        audit.slashHost(host, PAYER, 7, records, sigs);
        // by a delegate it counts
        vm.prank(vm.addr(HOST_KEY));
        settlement.delegate(host, vm.addr(0xBAD), true);
        sigs = [served(0xBAD, 7, "a", block.chainid), served(0xBAD, 7, "b", block.chainid)];
        audit.slashHost(host, PAYER, 7, records, sigs);
    }

    function test_T5_a_model_whose_index_credits_a_stranger_is_slashed() external {
        // A new model over the same index, but standing on a Datanet where contributor 3 holds nothing.
        vm.startPrank(CURATOR);
        uint32 net = datanets.create("other");
        datanets.publish(net, "r", 1, "");
        (uint32[] memory who, uint64[] memory units) = (new uint32[](1), new uint64[](1));
        (who[0], units[0]) = (1, 1);
        datanets.grant(net, who, units);
        vm.stopPrank();
        bytes32 index = models.indexOf(scored);
        vm.prank(OWNER);
        uint32 wrong = models.register(base, 0, [bytes32("h"), "m", index], sourcesOf(net), 0, 0, "");
        vm.prank(PAYER);
        staking.stake(Keys.MODEL_POOL | wrong, 100 ether);
        Row memory r = rowAt(0);
        vm.expectRevert(Errors.ClaimIsCorrect.selector);
        audit.slashModel(wrong, r);
        r = rowAt(3);
        vm.expectRevert(Errors.WrongPath.selector);
        audit.slashModel(wrong, r);
        r = rowAt(1);
        vm.prank(WATCHER);
        audit.slashModel(wrong, r);
        vm.assertEq(settlement.balanceOf(WATCHER), 110 ether);
        vm.expectRevert(Errors.AlreadyDone.selector);
        audit.slashModel(wrong, r);
        vm.expectRevert(Errors.ClaimIsCorrect.selector);
        audit.slashModel(scored, r);
    }

    function sourcesOf(uint32 net) internal pure returns (Source[] memory s) {
        s = new Source[](1);
        s[0] = Source(net, 1, 10_000);
    }
}
